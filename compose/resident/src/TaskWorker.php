<?php

declare(strict_types=1);

namespace Resident;

use Leaks\Mailbox;

/** A process without HTTP: receives what the workers send. */
final class TaskWorker
{
    private bool $stopping = false;

    /** @param resource $life ends when the master does */
    public function __construct(private TaskChannel $channel, private $life)
    {
    }

    public function run(): void
    {
        pcntl_signal(SIGTERM, function (): void {
            $this->stopping = true;
        });
        while (!$this->stopping && $this->wait()) {
            $this->work();
        }
    }

    /** In a function of its own, so that nothing of the task outlives it. */
    private function work(): void
    {
        $task = $this->channel->receive();
        if ($task !== null) {
            Mailbox::receive(...$task);
        }
    }

    /** False: the master is gone. */
    private function wait(): bool
    {
        $read = [$this->channel->reader, $this->life];
        $none = null;
        if (@stream_select($read, $none, $none, 1) === false) {
            return true;
        }

        return !in_array($this->life, $read, true);
    }
}
