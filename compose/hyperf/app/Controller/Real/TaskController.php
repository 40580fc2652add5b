<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\Task\Task;
use Hyperf\Task\TaskExecutor;
use Leaks\Mailbox;
use Psr\Container\ContainerInterface;
use Swoole\Server;

#[Controller(prefix: '/real/task')]
#[Leak('singleton', 'ChannelFactory keeps the result of every task that nobody waits for')]
final class TaskController
{
    public function __construct(private ContainerInterface $container, private TaskExecutor $tasks)
    {
    }

    #[GetMapping(path: '')]
    public function leaky(): string
    {
        $this->container->get(Server::class)->task($this->task());

        return "ok\n";
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        $this->tasks->execute($this->task());

        return "ok\n";
    }

    private function task(): Task
    {
        return new Task([Mailbox::class, 'receive'], ['', false]);
    }
}
