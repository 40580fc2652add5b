<?php

declare(strict_types=1);

namespace Leaks\Cause;

/** What the two pages of the pair share. */
final class PairState
{
    public bool $armed = false;

    /** @var list<string> */
    public array $kept = [];
}
