<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A static property that every request appends to.
 *
 * Statics live as long as the process. The clean twin appends to a local array, which ends with the request.
 */
final class StaticProperty implements LeakCase
{
    private const BYTES = 512;

    /** @var list<string> */
    private static array $items = [];

    public function about(): About
    {
        return new About(
            'static',
            About::LEAK,
            'static',
            'appends to a static array of a class',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        self::$items[] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $items = [];
        $items[] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }
}
