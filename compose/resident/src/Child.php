<?php

declare(strict_types=1);

namespace Resident;

/** A place for a process that the master keeps filled. */
final class Child
{
    private const YOUNG_S = 5.0;
    private const FIRST_PAUSE_S = 0.1;
    private const LONGEST_PAUSE_S = 5.0;

    /** 0: no process at the moment. */
    public int $pid = 0;
    /** When the next process may start. */
    public float $startAt = 0.0;
    /** When patience ends with a process that was asked to leave. */
    public float $killAt = INF;

    private float $bornAt = 0.0;
    private int $failures = 0;

    public function __construct(public string $title, public bool $task)
    {
    }

    public function born(int $pid, float $now): void
    {
        $this->pid = $pid;
        $this->bornAt = $now;
    }

    /** Returns the pause before the next one, in seconds: longer each time one dies young. */
    public function died(bool $cleanly, float $now): float
    {
        $this->failures = $cleanly ? 0 : ($now - $this->bornAt < self::YOUNG_S ? $this->failures + 1 : 1);
        $pause = $cleanly ? 0.0 : min(self::LONGEST_PAUSE_S, self::FIRST_PAUSE_S * 2 ** ($this->failures - 1));
        $this->pid = 0;
        $this->killAt = INF;
        $this->startAt = $now + $pause;

        return $pause;
    }
}
