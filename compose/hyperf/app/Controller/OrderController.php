<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use App\Exception\OrderFailed;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;

#[Controller(prefix: '/order')]
#[Leak('singleton', 'throws (answers 422), and the exception handler keeps the exception with its trace')]
final class OrderController
{
    #[GetMapping(path: '')]
    public function leaky(): never
    {
        throw new OrderFailed(keep: true);
    }

    #[GetMapping(path: 'clean')]
    public function clean(): never
    {
        throw new OrderFailed(keep: false);
    }
}
