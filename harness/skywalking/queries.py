"""The queries to the OAP, of its public query protocol: metrics-v3 (MQE, since 9.4) and metadata-v2.

https://github.com/apache/skywalking-query-protocol; https://skywalking.apache.org/docs/main/next/en/api/query-protocol/
"""

from __future__ import annotations

from typing import Final

TIME: Final = """
query Time {
  time: getTimeInfo { timezone currentTimestamp }
}
"""

SERVICE: Final = """
query Service($name: String!) {
  service: findService(serviceName: $name) { id name normal }
}
"""

INSTANCES: Final = """
query Instances($duration: Duration!, $service: ID!) {
  instances: listInstances(duration: $duration, serviceId: $service) { name language }
}
"""

VALUES: Final = """
query Values($expression: String!, $entity: Entity!, $duration: Duration!) {
  result: execExpression(expression: $expression, entity: $entity, duration: $duration) {
    type
    error
    results { metric { labels { key value } } values { id value } }
  }
}
"""

METRICS: Final = """
query Metrics($regex: String!) {
  metrics: listMetrics(regex: $regex) { name }
}
"""
