<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * The smallest leak worth finding: a string of 8 bytes is 40 of heap, and 16 to 32 more of the array.
 *
 * The clean twin keeps the last one only.
 */
final class TinyStatic implements LeakCase
{
    private const BYTES = 8;

    /** @var list<string> */
    private static array $ids = [];

    /** @var list<string> */
    private static array $last = [];

    public function about(): About
    {
        return new About(
            'tiny',
            About::LEAK,
            'static',
            'appends a few bytes to a static array',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        self::$ids[] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        self::$last = [Payload::of($request->bytes(self::BYTES))];

        return Response::ok();
    }
}
