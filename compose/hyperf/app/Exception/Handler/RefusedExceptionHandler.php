<?php

declare(strict_types=1);

namespace App\Exception\Handler;

use Hyperf\Codec\Json;
use Hyperf\ExceptionHandler\ExceptionHandler;
use Hyperf\HttpMessage\Stream\SwooleStream;
use Leaks\Refused;
use Swow\Psr7\Message\ResponsePlusInterface;
use Throwable;

final class RefusedExceptionHandler extends ExceptionHandler
{
    /** @param Refused $throwable */
    public function handle(Throwable $throwable, ResponsePlusInterface $response): ResponsePlusInterface
    {
        $this->stopPropagation();

        return $response->setStatus($throwable->status)
            ->setHeader('Content-Type', 'application/json')
            ->setBody(new SwooleStream(Json::encode(['error' => $throwable->getMessage()])));
    }

    public function isValid(Throwable $throwable): bool
    {
        return $throwable instanceof Refused;
    }
}
