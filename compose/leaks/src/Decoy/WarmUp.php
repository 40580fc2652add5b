<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Lazy initialisation: the first calls fill a table, the later ones find it full.
 *
 * `calls=` is how many calls that takes.
 */
final class WarmUp implements Page
{
    private const BYTES = 4096;
    private const CALLS = 20;
    private const MAX_CALLS = 100_000;

    /** @var list<string> */
    private array $table = [];

    public function about(): About
    {
        return new About(
            'warmup',
            About::DECOY,
            'bounded',
            'keeps memory on its first calls= calls, then nothing',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        if (count($this->table) < $request->number('calls', self::CALLS, self::MAX_CALLS)) {
            $this->table[] = Payload::of($request->bytes(self::BYTES));
        }

        return Response::ok();
    }
}
