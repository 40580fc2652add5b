<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\Logger\LoggerFactory;

#[Controller(prefix: '/real/logger')]
#[Leak('singleton', 'LoggerFactory keeps a logger for every name it was asked for')]
final class LoggerController
{
    public function __construct(private LoggerFactory $loggers)
    {
    }

    #[GetMapping(path: '')]
    public function leaky(): string
    {
        $this->loggers->get(uniqid('request-'))->debug('served');

        return "ok\n";
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        $this->loggers->get('request')->debug('served', ['request' => uniqid('request-')]);

        return "ok\n";
    }
}
