<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * A large response: the allocator's watermark and the socket's buffers move, nothing is kept.
 */
final class BigResponse implements Page
{
    private const BYTES = 200_000;

    public function about(): About
    {
        return new About(
            'big',
            About::DECOY,
            'clean',
            'answers with a large body',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        return Response::ok(Payload::of($request->bytes(self::BYTES)));
    }
}
