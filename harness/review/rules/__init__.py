"""One file a kind of cause; each turns a program and what runs for a request into findings."""
