<?php

declare(strict_types=1);

namespace App\Controller\Real;

use App\Annotation\Leak;
use Hyperf\Coroutine\Locker;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;

#[Controller(prefix: '/real/locker')]
#[Leak('static', 'Locker keeps the key of every lock, also when it is unlocked')]
final class LockerController
{
    #[GetMapping(path: '')]
    public function leaky(): string
    {
        return $this->work(uniqid('order-'));
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        return $this->work('orders');
    }

    private function work(string $key): string
    {
        if (! Locker::lock($key)) {
            return "done by another coroutine\n";
        }
        Locker::unlock($key);

        return "ok\n";
    }
}
