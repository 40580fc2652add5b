<?php

declare(strict_types=1);

namespace App\Runtime;

use Hyperf\Coroutine\Coroutine;
use Hyperf\Engine\Channel;
use Hyperf\Task\Task;
use Hyperf\Task\TaskExecutor;
use Leaks\Mailbox;
use Leaks\Runtime;
use Swoole\Timer;

use function Hyperf\Coroutine\go;

final class SwooleRuntime implements Runtime
{
    public function __construct(private TaskExecutor $tasks)
    {
    }

    public function tick(int $milliseconds, callable $callback): int
    {
        return Timer::tick($milliseconds, $callback);
    }

    public function clearTick(int $timer): void
    {
        Timer::clear($timer);
    }

    public function go(callable $body): void
    {
        go($body);
    }

    public function suspendForever(): void
    {
        (new Channel())->pop();
    }

    public function sleep(int $milliseconds): void
    {
        Coroutine::sleep($milliseconds / 1000);
    }

    public function sendElsewhere(string $payload, bool $keep): void
    {
        // The executor waits for the result: Hyperf keeps a channel for every task whose result nobody takes.
        go(fn () => $this->tasks->execute(new Task([Mailbox::class, 'receive'], [$payload, $keep])));
    }
}
