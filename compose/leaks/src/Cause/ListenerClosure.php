<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A listener registered per request, whose closure captures a large local.
 *
 * The registry keeps the closure, the closure keeps the local. The clean twin removes its listener when it is done.
 */
final class ListenerClosure implements LeakCase
{
    private const BYTES = 1024;

    /** @var array<int, \Closure(): int> */
    private static array $listeners = [];

    public function about(): About
    {
        return new About(
            'closure',
            About::LEAK,
            'closure',
            'registers a listener whose closure captures a large local',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $local = Payload::of($request->bytes(self::BYTES));
        self::$listeners[] = static fn (): int => strlen($local);

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $local = Payload::of($request->bytes(self::BYTES));
        self::$listeners[] = static fn (): int => strlen($local);
        array_pop(self::$listeners);

        return Response::ok();
    }
}
