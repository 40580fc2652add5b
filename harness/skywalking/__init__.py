"""A service's memory as SkyWalking's OAP knows it."""
