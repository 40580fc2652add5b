<?php

declare(strict_types=1);

namespace Resident;

use Leaks\Refused;
use Leaks\Runtime;

/** The runtime that the leak cases see: timers of the loop, fibers for coroutines, the channel to the task workers. */
final class LoopRuntime implements Runtime
{
    /** @var list<\Fiber> what a scheduler has: coroutines that nobody will resume */
    private array $suspended = [];

    private bool $fibers;

    public function __construct(private Timers $timers, private ?TaskChannel $tasks)
    {
        $this->fibers = class_exists(\Fiber::class);
    }

    public function tick(int $milliseconds, callable $callback): int
    {
        return $this->timers->every($milliseconds, $callback);
    }

    public function clearTick(int $timer): void
    {
        $this->timers->clear($timer);
    }

    public function go(callable $body): void
    {
        if ($this->fibers) {
            (new \Fiber($body))->start();
        } else {
            $body();
        }
    }

    public function suspendForever(): void
    {
        if (!$this->fibers) {
            throw new Refused(501, 'PHP has no fibers before 8.1');
        }
        $this->suspended[] = \Fiber::getCurrent();
        \Fiber::suspend();
    }

    public function sleep(int $milliseconds): void
    {
        $fiber = $this->fibers ? \Fiber::getCurrent() : null;
        if ($fiber === null) {
            usleep($milliseconds * 1000);

            return;
        }
        $this->timers->once($milliseconds, static function () use ($fiber): void {
            $fiber->resume();
        });
        \Fiber::suspend();
    }

    public function sendElsewhere(string $payload, bool $keep): void
    {
        if ($this->tasks === null) {
            throw new Refused(501, 'there is no task worker: set TASK_WORKERS');
        }
        if (strlen($payload) > TaskChannel::MAX_BYTES) {
            throw new Refused(400, 'a task takes at most ' . TaskChannel::MAX_BYTES . ' bytes');
        }
        $this->tasks->send($payload, $keep);
    }
}
