<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;
use Leaks\Runtime;

/**
 * Memory held only while the request is in flight: it grows with concurrency, not with requests.
 */
final class InFlight implements Page
{
    private const BYTES = 1_000_000;
    private const HOLD_MS = 50;
    private const MAX_MS = 60_000;

    public function __construct(private Runtime $runtime)
    {
    }

    public function about(): About
    {
        return new About(
            'inflight',
            About::DECOY,
            'clean',
            'holds bytes= for ms= and frees it',
            self::BYTES,
            true,
        );
    }

    public function serve(Request $request): Response
    {
        $held = Payload::of($request->bytes(self::BYTES));
        $this->runtime->sleep($request->number('ms', self::HOLD_MS, self::MAX_MS));

        return Response::ok(strlen($held) . "\n");
    }
}
