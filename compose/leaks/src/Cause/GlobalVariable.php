<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A global variable that every request appends to.
 *
 * In a resident process globals outlive the request. The clean twin removes its global before it answers.
 */
final class GlobalVariable implements LeakCase
{
    private const BYTES = 256;

    public function about(): About
    {
        return new About(
            'global',
            About::LEAK,
            'global',
            'appends to $GLOBALS',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $GLOBALS['leaks_visits'][] = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $GLOBALS['leaks_visit'] = Payload::of($request->bytes(self::BYTES));
        unset($GLOBALS['leaks_visit']);

        return Response::ok();
    }
}
