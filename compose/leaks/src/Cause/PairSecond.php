<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Request;
use Leaks\Response;

/**
 * Arms `/pair/a`; keeps nothing itself. The clean twin does not arm it.
 */
final class PairSecond implements LeakCase
{
    public function __construct(private PairState $state)
    {
    }

    public function about(): About
    {
        return new About(
            'pair/b',
            About::LEAK,
            'singleton',
            'makes the next /pair/a keep memory',
        );
    }

    public function leaky(Request $request): Response
    {
        $this->state->armed = true;

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        return Response::ok();
    }
}
