<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * The first request takes a lot of memory and gives it back; from then on it is flat.
 *
 * In pieces, so that it goes through the heap's own chunks and not through one mapping of its own.
 */
final class HighWaterMark implements Page
{
    private const BYTES = 100_000_000;
    private const PIECE = 65_000;

    private bool $done = false;

    public function about(): About
    {
        return new About(
            'peak',
            About::DECOY,
            'clean',
            'its first request takes bytes= and frees it',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        if (!$this->done) {
            $this->done = true;
            $pieces = [];
            for ($left = $request->bytes(self::BYTES); $left > 0; $left -= self::PIECE) {
                $pieces[] = Payload::of(min($left, self::PIECE));
            }
        }

        return Response::ok();
    }
}
