<?php

declare(strict_types=1);

namespace App\Process;

/** What a worker writes to the collector. */
final class Collected
{
    public function __construct(public string $payload, public bool $keep)
    {
    }
}
