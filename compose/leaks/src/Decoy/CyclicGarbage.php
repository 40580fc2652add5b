<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Two objects that point at each other: unreachable at once, freed only when the cycle collector runs.
 */
final class CyclicGarbage implements Page
{
    private const BYTES = 18_000;

    public function about(): About
    {
        return new About(
            'cycle',
            About::DECOY,
            'garbage',
            'leaves cyclic garbage for the collector',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        $parent = new \stdClass();
        $child = new \stdClass();
        $parent->child = $child;
        $child->parent = $parent;
        $child->payload = Payload::of($request->bytes(self::BYTES));

        return Response::ok();
    }
}
