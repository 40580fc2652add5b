<?php

declare(strict_types=1);

use Hyperf\Framework\Bootstrap;
use Hyperf\HttpServer\Server as HttpServer;
use Hyperf\Server\Event;
use Hyperf\Server\Server;
use Hyperf\WebSocketServer\Server as WebSocketServer;
use Swoole\Constant;

use function Hyperf\Support\env;

return [
    'mode' => match (env('SERVER_MODE', 'base')) {
        'base' => SWOOLE_BASE,
        'process' => SWOOLE_PROCESS,
    },
    'servers' => [
        [
            'name' => 'http',
            'type' => Server::SERVER_WEBSOCKET,
            'host' => '0.0.0.0',
            'port' => 9501,
            'sock_type' => SWOOLE_SOCK_TCP,
            'callbacks' => [
                Event::ON_REQUEST => [HttpServer::class, 'onRequest'],
                Event::ON_HAND_SHAKE => [WebSocketServer::class, 'onHandShake'],
                Event::ON_MESSAGE => [WebSocketServer::class, 'onMessage'],
                Event::ON_CLOSE => [WebSocketServer::class, 'onClose'],
            ],
        ],
    ],
    'settings' => [
        Constant::OPTION_ENABLE_COROUTINE => true,
        Constant::OPTION_WORKER_NUM => (int) env('WORKERS', 2),
        Constant::OPTION_TASK_WORKER_NUM => (int) env('TASK_WORKERS', 1),
        Constant::OPTION_TASK_ENABLE_COROUTINE => false,
        Constant::OPTION_MAX_REQUEST => (int) env('MAX_REQUEST', 100000),
        Constant::OPTION_MAX_COROUTINE => 100000,
        Constant::OPTION_PID_FILE => BASE_PATH . '/runtime/hyperf.pid',
        Constant::OPTION_OPEN_TCP_NODELAY => true,
        Constant::OPTION_SOCKET_BUFFER_SIZE => 2 * 1024 * 1024,
        Constant::OPTION_BUFFER_OUTPUT_SIZE => 2 * 1024 * 1024,
    ],
    'callbacks' => [
        Event::ON_WORKER_START => [Bootstrap\WorkerStartCallback::class, 'onWorkerStart'],
        Event::ON_WORKER_EXIT => [Bootstrap\WorkerExitCallback::class, 'onWorkerExit'],
        Event::ON_PIPE_MESSAGE => [Bootstrap\PipeMessageCallback::class, 'onPipeMessage'],
        Event::ON_TASK => [Bootstrap\TaskCallback::class, 'onTask'],
        Event::ON_FINISH => [Bootstrap\FinishCallback::class, 'onFinish'],
    ],
];
