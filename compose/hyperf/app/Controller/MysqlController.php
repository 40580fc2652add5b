<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use Hyperf\Contract\ConnectionInterface;
use Hyperf\DbConnection\Pool\PoolFactory;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;

#[Controller(prefix: '/mysql')]
#[Leak('resource', 'takes a MySQL connection from the pool and does not return it')]
final class MysqlController
{
    /** @var list<ConnectionInterface> */
    private array $borrowed = [];

    public function __construct(private PoolFactory $pools)
    {
    }

    #[GetMapping(path: '')]
    public function leaky(): array
    {
        $this->borrowed[] = $connection = $this->pools->getPool('default')->get();

        return $connection->select('SELECT CONNECTION_ID() AS id');
    }

    #[GetMapping(path: 'clean')]
    public function clean(): array
    {
        $connection = $this->pools->getPool('default')->get();
        try {
            return $connection->select('SELECT CONNECTION_ID() AS id');
        } finally {
            $connection->release();
        }
    }
}
