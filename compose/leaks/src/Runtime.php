<?php

declare(strict_types=1);

namespace Leaks;

/** What only the app's own runtime (Swoole, or resident's event loop) can do. */
interface Runtime
{
    /** Calls back every so many milliseconds until cleared; returns the timer's id. */
    public function tick(int $milliseconds, callable $callback): int;

    public function clearTick(int $timer): void;

    /** Runs the body in a coroutine of its own, at once, as far as its first wait. */
    public function go(callable $body): void;

    /** Suspends the coroutine it is called in and never resumes it. */
    public function suspendForever(): void;

    /** Waits without blocking the worker, where the caller runs in a coroutine. */
    public function sleep(int $milliseconds): void;

    /** Has another process (a task worker) call `Mailbox::receive($payload, $keep)`. Does not wait for it. */
    public function sendElsewhere(string $payload, bool $keep): void;
}
