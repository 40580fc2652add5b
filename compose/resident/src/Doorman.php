<?php

declare(strict_types=1);

namespace Resident;

/**
 * Accepts connections from the socket that all workers share, so that each gets its part.
 *
 * The kernel wakes every waiting worker for a new connection. One that has some already waits a moment for each before
 * it accepts, so the worker with the fewest is the quickest. One socket per worker (SO_REUSEPORT) would spread by
 * chance, unevenly for a few connections, and a worker that leaves would take those queued on its socket with it.
 */
final class Doorman
{
    private const WAIT_US = 500;
    private const MOST_WAITS = 10;

    private int $acceptAtUs = 0;

    private bool $open = true;

    /** @param resource $listener */
    public function __construct(private $listener, private Connections $connections)
    {
        stream_set_blocking($listener, false);
        $connections->reading[Connections::LISTENER] = $listener;
    }

    /** Somebody knocks. */
    public function ready(): void
    {
        $waits = min($this->connections->count(), self::MOST_WAITS);
        if ($waits === 0) {
            $this->accept();

            return;
        }
        $this->acceptAtUs = self::nowUs() + $waits * self::WAIT_US;
        unset($this->connections->reading[Connections::LISTENER]);
    }

    public function turn(): void
    {
        if ($this->acceptAtUs > 0 && self::nowUs() >= $this->acceptAtUs) {
            $this->acceptAtUs = 0;
            $this->accept();
        }
        if ($this->open && $this->acceptAtUs === 0) {
            $this->listen();
        }
    }

    public function untilNextUs(): int
    {
        return $this->acceptAtUs === 0 ? PHP_INT_MAX : max(0, $this->acceptAtUs - self::nowUs());
    }

    public function leave(): void
    {
        $this->open = false;
        $this->acceptAtUs = 0;
        unset($this->connections->reading[Connections::LISTENER]);
    }

    private function accept(): void
    {
        if (!$this->connections->full()) {
            $this->connections->accept($this->listener, Timers::nowMs());
        }
    }

    private function listen(): void
    {
        if ($this->connections->full()) {
            unset($this->connections->reading[Connections::LISTENER]);
        } else {
            $this->connections->reading[Connections::LISTENER] = $this->listener;
        }
    }

    private static function nowUs(): int
    {
        return intdiv(hrtime(true), 1000);
    }
}
