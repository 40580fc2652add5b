<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use App\Http\LeaksRequest;
use App\Process\Collected;
use App\Process\CollectorProcess;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\HttpServer\Contract\RequestInterface;
use Hyperf\Process\ProcessCollector;
use Leaks\Payload;

#[Controller(prefix: '/process')]
#[Leak('singleton', 'writes to a custom process, where a listener keeps it', self::BYTES)]
final class ProcessController
{
    private const BYTES = 1024;

    #[GetMapping(path: '')]
    public function leaky(RequestInterface $request): string
    {
        return $this->collect($request, true);
    }

    #[GetMapping(path: 'clean')]
    public function clean(RequestInterface $request): string
    {
        return $this->collect($request, false);
    }

    private function collect(RequestInterface $request, bool $keep): string
    {
        $payload = Payload::of(LeaksRequest::from($request)->bytes(self::BYTES));
        ProcessCollector::get(CollectorProcess::NAME)[0]->write(serialize(new Collected($payload, $keep)));

        return "ok\n";
    }
}
