"""Outside tools on a guilty endpoint: one file a tool, each says what it needs and reads what it wrote."""

from harness.diagnose.blackfire import Blackfire
from harness.diagnose.memprof import Memprof
from harness.diagnose.protocol import Tool
from harness.diagnose.reli import Reli
from harness.diagnose.valgrind import Massif, Memcheck
from harness.diagnose.xhprof import XhProf
from harness.model.diagnosis import ToolName

TOOLS: dict[ToolName, Tool] = {
    tool.name: tool for tool in (Memcheck(), Massif(), XhProf(), Memprof(), Reli(), Blackfire())
}

__all__ = ["TOOLS", "Tool"]
