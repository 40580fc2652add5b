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
 * The worker that answers stays flat: the task worker it sends the payload to keeps it.
 *
 * The clean twin sends the same, and the receiver drops it.
 */
final class Elsewhere implements LeakCase
{
    private const BYTES = 1024;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'elsewhere',
            About::LEAK,
            'static',
            'sends a payload to a task worker, which keeps it',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->runtime->sendElsewhere(Payload::of($request->bytes(self::BYTES)), true);

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $this->runtime->sendElsewhere(Payload::of($request->bytes(self::BYTES)), false);

        return Response::ok();
    }
}
