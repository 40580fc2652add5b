<?php

declare(strict_types=1);

namespace Resident;

/** Timers for a loop that asks how long it may sleep. */
final class Timers
{
    /** Due timers are looked for at most this often: with thousands of leaked ones, the search is what costs. */
    private const GRAIN_MS = 5;

    /** @var array<int, array{int, int, callable}> id => [due, interval or 0, callback] */
    private array $timers = [];

    /** Starts high, so that the array is a hash table from its first timer on and never changes its kind. */
    private int $lastId = 1000;

    private int $nextMs = PHP_INT_MAX;

    public static function nowMs(): int
    {
        return intdiv(hrtime(true), 1_000_000);
    }

    public function every(int $milliseconds, callable $callback): int
    {
        return $this->add($milliseconds, $milliseconds, $callback);
    }

    public function once(int $milliseconds, callable $callback): int
    {
        return $this->add($milliseconds, 0, $callback);
    }

    public function clear(int $id): void
    {
        unset($this->timers[$id]);
    }

    public function untilNextMs(): int
    {
        return $this->timers === [] ? PHP_INT_MAX : max(0, $this->nextMs - self::nowMs());
    }

    public function run(): void
    {
        $now = self::nowMs();
        if ($now < $this->nextMs) {
            return;
        }
        $due = [];
        $next = PHP_INT_MAX;
        foreach ($this->timers as $id => [$at, $interval]) {
            if ($at <= $now) {
                $due[$id] = $interval;
                $at = $interval > 0 ? $now + $interval : PHP_INT_MAX;
            }
            $next = min($next, $at);
        }
        $this->nextMs = max($next, $now + self::GRAIN_MS);
        foreach ($due as $id => $interval) {
            $this->fire($id, $interval, $now);
        }
    }

    private function fire(int $id, int $interval, int $now): void
    {
        if (!isset($this->timers[$id])) {
            return;
        }
        $callback = $this->timers[$id][2];
        if ($interval > 0) {
            $this->timers[$id][0] = $now + $interval;
        } else {
            unset($this->timers[$id]);
        }
        try {
            $callback();
        } catch (\Throwable $error) {
            fwrite(STDERR, "resident: a timer failed: {$error}\n");
        }
    }

    private function add(int $milliseconds, int $interval, callable $callback): int
    {
        $due = self::nowMs() + $milliseconds;
        $this->timers[++$this->lastId] = [$due, $interval, $callback];
        $this->nextMs = min($this->nextMs, $due);

        return $this->lastId;
    }
}
