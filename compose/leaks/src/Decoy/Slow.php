<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;
use Leaks\Runtime;

/**
 * Takes its time: for timeouts, in-flight requests and clean stops.
 */
final class Slow implements Page
{
    private const WAIT_MS = 100;
    private const MAX_MS = 60_000;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'slow',
            About::DECOY,
            'clean',
            'answers after ms=',
            0,
            true,
        );
    }

    public function serve(Request $request): Response
    {
        $this->runtime->sleep($request->number('ms', self::WAIT_MS, self::MAX_MS));

        return Response::ok();
    }
}
