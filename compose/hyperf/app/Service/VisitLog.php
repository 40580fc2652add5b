<?php

declare(strict_types=1);

namespace App\Service;

/** The container makes one for each worker and never lets go of it. */
final class VisitLog
{
    /** @var list<string> */
    private array $visits = [];

    public function add(string $visit): void
    {
        $this->visits[] = $visit;
    }

    public function remove(): void
    {
        array_pop($this->visits);
    }
}
