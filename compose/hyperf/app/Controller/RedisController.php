<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use Hyperf\Contract\ConnectionInterface;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\Redis\Pool\PoolFactory;

#[Controller(prefix: '/redis')]
#[Leak('resource', 'takes a Redis connection from the pool and does not return it')]
final class RedisController
{
    /** @var list<ConnectionInterface> */
    private array $borrowed = [];

    public function __construct(private PoolFactory $pools)
    {
    }

    #[GetMapping(path: '')]
    public function leaky(): string
    {
        $this->borrowed[] = $connection = $this->pools->getPool('default')->get();

        return $connection->ping() ? "ok\n" : "no answer\n";
    }

    #[GetMapping(path: 'clean')]
    public function clean(): string
    {
        $connection = $this->pools->getPool('default')->get();
        try {
            return $connection->ping() ? "ok\n" : "no answer\n";
        } finally {
            $connection->release();
        }
    }
}
