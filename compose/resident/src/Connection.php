<?php

declare(strict_types=1);

namespace Resident;

/** One client. Between two requests all of its strings are empty again. */
final class Connection
{
    public string $in = '';
    public string $out = '';

    /** How long `in` has to be before parsing it again makes sense. */
    public int $needs = 0;
    /** The client waits for `100 Continue` before it sends the body. */
    public bool $expectsContinue = false;
    /** A request is being served by a coroutine; what comes after it has to wait. */
    public bool $busy = false;
    /** No more requests: close when `out` is sent. */
    public bool $closing = false;
    /** Answered with an error before all was read: read the rest away, or the client loses the answer to a reset. */
    public bool $discards = false;

    /** @param resource $stream */
    public function __construct(public $stream, public int $slot, public int $activeMs)
    {
    }

    public function idle(): bool
    {
        return !$this->busy && $this->out === '' && $this->in === '';
    }

    public function consume(int $bytes): void
    {
        $this->in = strlen($this->in) > $bytes ? substr($this->in, $bytes) : '';
        $this->needs = 0;
        $this->expectsContinue = false;
    }

    /** Sends what the kernel takes now. False: the client is gone. */
    public function flush(): bool
    {
        if ($this->out === '') {
            return true;
        }
        $sent = @fwrite($this->stream, $this->out);
        if ($sent === false) {
            return false;
        }
        $this->out = $sent < strlen($this->out) ? substr($this->out, $sent) : '';

        return true;
    }
}
