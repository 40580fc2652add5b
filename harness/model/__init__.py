"""The values that go through the pipeline; all frozen, none of them reads or writes anything."""
