<?php

declare(strict_types=1);

namespace App\Exception\Handler;

use App\Exception\OrderFailed;
use Hyperf\ExceptionHandler\ExceptionHandler;
use Hyperf\HttpMessage\Stream\SwooleStream;
use Swow\Psr7\Message\ResponsePlusInterface;
use Throwable;

/** Collects exceptions to report them in one go, and never does. */
final class OrderFailedHandler extends ExceptionHandler
{
    /** @var list<Throwable> */
    private array $unreported = [];

    /** @param OrderFailed $throwable */
    public function handle(Throwable $throwable, ResponsePlusInterface $response): ResponsePlusInterface
    {
        $this->stopPropagation();
        if ($throwable->keep) {
            $this->unreported[] = $throwable;
        }

        return $response->setStatus(422)->setBody(new SwooleStream("order failed\n"));
    }

    public function isValid(Throwable $throwable): bool
    {
        return $throwable instanceof OrderFailed;
    }
}
