<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;
use Leaks\Runtime;

/**
 * A timer started per request and never cleared: it keeps its closure, and that keeps the local.
 *
 * `every=` is its interval in milliseconds. The clean twin clears its timer.
 */
final class UnclearedTimer implements LeakCase
{
    private const BYTES = 256;
    private const EVERY_MS = 10_000;
    private const MAX_MS = 86_400_000;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'timer',
            About::LEAK,
            'timer',
            'starts a timer and never clears it',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->start($request);

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $this->runtime->clearTick($this->start($request));

        return Response::ok();
    }

    private function start(Request $request): int
    {
        $local = Payload::of($request->bytes(self::BYTES));
        $every = max(1, $request->number('every', self::EVERY_MS, self::MAX_MS));

        return $this->runtime->tick($every, static fn (): int => strlen($local));
    }
}
