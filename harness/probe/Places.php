<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/**
 * The tree of places where memory can be held, with sums over everything found there: columns, because there are many.
 *
 * A place is reached from its parent by a step (a property, a key, a captured variable …). The elements of an array of
 * one kind are one place together. Recursion is folded: a list's `->next->next` is the place of its `->next`.
 */
final class Places
{
    private const FOLDED_OVER = 6;
    private const DEPTH = 64;

    /** @var list<int> */
    public array $parent = [-1];

    /** @var list<string> static, global, variable, frame, coroutine, timer, property, element, captured … */
    public array $kind = ['root'];

    /** @var list<string> */
    public array $step = [''];

    /** @var list<string> array, string, closure FILE:LINE, object CLASS, resource TYPE, coroutine, timer */
    public array $holds = [''];

    /** @var list<float> how many values were found at the place */
    public array $instances = [0.0];

    /** @var list<float> of all its arrays, lists, maps */
    public array $elements = [0.0];

    /** @var list<float> without those of the places below it */
    public array $bytes = [0.0];

    /** @var list<int> */
    private array $depth = [0];

    /** @var array<int, array<string, int>> */
    private array $children = [];

    public function __construct(private int $limit)
    {
    }

    /** Where there are too many places, the parent takes what would be found there. */
    public function at(int $parent, string $kind, string $step, string $holds): int
    {
        $key = "{$kind}\0{$step}\0{$holds}";

        return $this->children[$parent][$key] ??= $this->folded($parent, $kind, $step, $holds)
            ?? $this->added($parent, $kind, $step, $holds);
    }

    /** @return list<array{int, string, string, string, float, float, float}> */
    public function rows(): array
    {
        return \array_map(
            null,
            $this->parent,
            $this->kind,
            $this->step,
            $this->holds,
            \array_map('round', $this->instances),
            \array_map('round', $this->elements),
            \array_map('round', $this->bytes),
        );
    }

    private function folded(int $place, string $kind, string $step, string $holds): ?int
    {
        for ($i = 0; $i < self::FOLDED_OVER && $place > 0; $i++, $place = $this->parent[$place]) {
            if ($this->step[$place] === $step && $this->kind[$place] === $kind && $this->holds[$place] === $holds) {
                return $place;
            }
        }

        return null;
    }

    private function added(int $parent, string $kind, string $step, string $holds): int
    {
        $place = \count($this->parent);
        if ($place >= $this->limit || $this->depth[$parent] >= self::DEPTH) {
            return $parent;
        }
        $this->parent[] = $parent;
        $this->kind[] = $kind;
        $this->step[] = $step;
        $this->holds[] = $holds;
        $this->instances[] = 0.0;
        $this->elements[] = 0.0;
        $this->bytes[] = 0.0;
        $this->depth[] = $this->depth[$parent] + 1;

        return $place;
    }
}
