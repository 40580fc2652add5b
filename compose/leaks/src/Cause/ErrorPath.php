<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Cleaning up is forgotten on the error path alone: the handler throws, and what it put aside stays.
 *
 * `fail=0` takes the good path. The clean twin throws as well, with the cleaning in a `finally`.
 */
final class ErrorPath implements LeakCase
{
    private const BYTES = 512;

    /** @var array<int, string> */
    private array $pending = [];

    public function about(): About
    {
        return new About(
            'error',
            About::LEAK,
            'singleton',
            'throws (answers 500) and leaks only then; fail=0 does neither',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->pending[] = Payload::of($request->bytes(self::BYTES));
        $this->work($request);
        array_pop($this->pending);

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $this->pending[] = Payload::of($request->bytes(self::BYTES));
        try {
            $this->work($request);
        } finally {
            array_pop($this->pending);
        }

        return Response::ok();
    }

    private function work(Request $request): void
    {
        if ($request->number('fail', 1, 1) === 1) {
            throw new \DomainException('failed, as asked');
        }
    }
}
