<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use App\Http\LeaksRequest;
use App\Service\VisitLog;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Hyperf\HttpServer\Contract\RequestInterface;
use Leaks\Payload;

#[Controller(prefix: '/service')]
#[Leak('singleton', 'appends to a property of a service that the container keeps', self::BYTES)]
final class ServiceController
{
    private const BYTES = 320;

    public function __construct(private VisitLog $visits)
    {
    }

    #[GetMapping(path: '')]
    public function leaky(RequestInterface $request): string
    {
        $this->visits->add($this->visit($request));

        return "ok\n";
    }

    #[GetMapping(path: 'clean')]
    public function clean(RequestInterface $request): string
    {
        $this->visits->add($this->visit($request));
        $this->visits->remove();

        return "ok\n";
    }

    private function visit(RequestInterface $request): string
    {
        return Payload::of(LeaksRequest::from($request)->bytes(self::BYTES));
    }
}
