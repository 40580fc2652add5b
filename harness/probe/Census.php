<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/**
 * Walks everything that is reachable in this process, breadth first, and counts elements and bytes under each place.
 *
 * Objects are met once; arrays have no identity, so what shares one counts for each holder. Of long arrays the two
 * ends are walked and count for the middle. When time or memory is up it stops and says so.
 */
final class Census
{
    private const PLACES = 20_000;
    private const LONG = 16_384;
    private const END = 4_096;
    /** String keys of an array that are places of their own; the other elements are one place. */
    private const NAMED_KEYS = 32;
    /** Keys of a shorter array are taken for those that its code spells out, which cost nothing. */
    private const SPELT_KEYS = 16;
    /** A shorter text is counted with what holds it. */
    private const TEXT_OF_ITS_OWN = 128;
    private const LOOKED_AT_CLOCK = 512;
    private const WAITING_LIMIT = 200_000;
    /** Of the queue, a value. */
    private const WAITING_BYTES = 200;

    private Places $places;

    private Sizes $sizes;

    private Classes $classes;

    private Objects $objects;

    /** @var list<array<mixed>|object> */
    private array $waiting = [];

    /** @var list<int> */
    private array $waitingAt = [];

    /** @var list<float> */
    private array $weights = [];

    private int $waitingCount = 0;

    private int $waitingLimit;

    /** @var array<int, true> by object id */
    private array $seen = [];

    /** @var array<string, true> by id of a reference */
    private array $references = [];

    public int $walked = 0;

    private int $clockAt = self::LOOKED_AT_CLOCK;

    private int $startedNs;

    private int $untilNs;

    private string $stopped = '';

    public function __construct(int $limitMs)
    {
        $this->startedNs = \hrtime(true);
        // A third of the time is for writing it down.
        $this->untilNs = $this->startedNs + $limitMs * 666_666;
        $this->places = new Places(self::PLACES);
        $this->sizes = new Sizes();
        $this->classes = new Classes();
        $this->objects = new Objects($this, $this->places, $this->sizes, $this->classes);
        $this->waitingLimit = \min(self::WAITING_LIMIT, \intdiv(self::memoryLeft(), 2 * self::WAITING_BYTES));
    }

    /** @return array<string, mixed> */
    public function take(): array
    {
        $noNewClasses = static function (string $class): void {
            throw new \Error("the census loads no classes: {$class}");
        };
        $collector = \gc_enabled();
        $collector && \gc_disable();
        \spl_autoload_register($noNewClasses, true, true);
        try {
            (new Roots($this))->reach();
            $this->walk();
        } finally {
            \spl_autoload_unregister($noNewClasses);
            $this->waiting = $this->seen = [];
            // It points back: the walk must not leave a cycle behind.
            unset($this->objects);
            $collector && \gc_enable();
        }

        return [
            'places' => $this->places->rows(),
            'declarations' => (object) Sources::declarations($this->places),
            'sources' => Sources::files(),
            'walked' => $this->walked,
            'stopped' => $this->stopped,
            'census_s' => (\hrtime(true) - $this->startedNs) / 1e9,
        ];
    }

    public function late(): bool
    {
        if ($this->stopped === '' && \hrtime(true) > $this->untilNs) {
            $this->stopped = 'time';
        }

        return $this->stopped !== '';
    }

    /** The place of a root; the weight is how many roots it stands for. */
    public function root(string $kind, string $step, string $holds, float $weight = 1.0, float $bytes = 0.0): int
    {
        $place = $this->places->at(0, $kind, $step, $holds);
        $this->places->instances[$place] += $weight;
        $this->places->bytes[$place] += $bytes * $weight;

        return $place;
    }

    /**
     * Counts a value, and puts it in the queue where there is something under it.
     *
     * @param mixed $value
     */
    public function reach($value, int $parent, string $kind, string $step, float $weight = 1.0): void
    {
        if (\is_array($value)) {
            $place = $this->places->at($parent, $kind, $step, 'array');
            $this->places->instances[$place] += $weight;
            if ($value !== []) {
                $this->enqueue($value, $place, $weight);
            }
        } elseif (\is_object($value)) {
            $this->reachObject($value, $parent, $kind, $step, $weight);
        } elseif (\is_string($value)) {
            $place = $this->places->at($parent, $kind, $step, 'string');
            $this->places->instances[$place] += $weight;
            $this->places->bytes[$place] += $weight * $this->sizes->text($value);
        } elseif (\is_resource($value)) {
            $place = $this->places->at($parent, $kind, $step, 'resource ' . \get_resource_type($value));
            $this->places->instances[$place] += $weight;
        }
    }

    private function reachObject(object $object, int $parent, string $kind, string $step, float $weight): void
    {
        $id = \spl_object_id($object);
        if (isset($this->seen[$id])) {
            return;
        }
        $this->seen[$id] = true;
        $way = $this->classes->way($object);
        if ($way === 'ours' || $object instanceof \UnitEnum) {
            return;
        }
        $class = \get_class($object);
        $holds = $way === 'closure' ? 'closure ' . self::where(new \ReflectionFunction($object)) : "object {$class}";
        $place = $this->places->at($parent, $kind, $step, $holds);
        $this->places->instances[$place] += $weight;
        $size = $way === 'closure' ? $this->sizes->closure : $this->sizes->object($this->classes->slots($class));
        $this->places->bytes[$place] += $weight * $size;
        if ($way !== 'opaque') {
            $this->enqueue($object, $place, $weight);
        }
    }

    /** @param array<mixed>|object $value */
    private function enqueue($value, int $place, float $weight): void
    {
        if ($this->waitingCount >= $this->waitingLimit) {
            $this->stopped = $this->stopped ?: 'memory';

            return;
        }
        $this->waitingCount++;
        $this->waiting[] = $value;
        $this->waitingAt[] = $place;
        $this->weights[] = $weight;
    }

    private function walk(): void
    {
        for ($i = 0; $i < $this->waitingCount; $i++) {
            $value = $this->waiting[$i];
            $this->waiting[$i] = null;
            if (++$this->walked >= $this->clockAt) {
                $this->clockAt = $this->walked + self::LOOKED_AT_CLOCK;
                if ($this->late()) {
                    return;
                }
            }
            try {
                if (\is_array($value)) {
                    $this->walkArray($value, $this->waitingAt[$i], $this->weights[$i]);
                } else {
                    $this->objects->walk($value, $this->waitingAt[$i], $this->weights[$i]);
                }
            } catch (\Throwable $cannotBeWalked) {
            }
        }
    }

    /** @param array<mixed> $array */
    public function walkArray(array $array, int $place, float $weight): void
    {
        $count = \count($array);
        $this->places->elements[$place] += $weight * $count;
        if ($count <= self::LONG) {
            $packed = $this->walkElements($array, $place, $weight);
        } else {
            $sampled = $weight * $count / (2 * self::END);
            $packed = \array_key_last($array) === $count - 1;
            $this->walkElements(\array_slice($array, 0, self::END, true), $place, $sampled);
            $this->walkElements(\array_slice($array, -self::END, null, true), $place, $sampled);
        }
        $this->places->bytes[$place] += $weight * $this->sizes->table($count, $packed);
    }

    /**
     * Whether it looks like a packed array: no keys but 0, 1, 2 …
     *
     * @param array<mixed> $array
     */
    private function walkElements(array $array, int $place, float $weight): bool
    {
        $bytes = 0;
        $named = 0;
        $next = 0;
        $keysCost = \count($array) > self::SPELT_KEYS;
        foreach ($array as $key => $value) {
            if ($key === $next) {
                $next++;
            } elseif (\is_string($key)) {
                $bytes += $keysCost ? $this->sizes->text($key) : 0;
                $named++;
            }
            if (\is_string($value)) {
                $bytes += $this->sizes->text($value);
            } elseif (\is_array($value)) {
                if ($value !== [] && $this->isNew($array, $key)) {
                    $this->reach($value, $place, 'element', self::key($key, $named), $weight);
                }
            } elseif (\is_object($value) || \is_resource($value)) {
                $this->reach($value, $place, 'element', self::key($key, $named), $weight);
            }
        }
        $this->walked += \count($array);
        $this->places->bytes[$place] += $weight * $bytes;

        return $next === \count($array);
    }

    /** @param mixed $value */
    public function reachNamed($value, int $place, string $kind, string $name, float $weight): void
    {
        if (\is_string($value) && \strlen($value) < self::TEXT_OF_ITS_OWN) {
            $this->places->bytes[$place] += $weight * $this->sizes->text($value);
        } elseif (!\is_scalar($value) && $value !== null || \is_string($value)) {
            $this->reach($value, $place, $kind, $name, $weight);
        }
    }

    /**
     * False for an array that was walked already, as it is reached by a reference: only so can an array contain itself.
     *
     * @param array<mixed> $array
     * @param int|string   $key
     */
    public function isNew(array $array, $key): bool
    {
        $reference = \ReflectionReference::fromArrayElement($array, $key);
        if ($reference === null) {
            return true;
        }
        $id = $reference->getId();
        $new = !isset($this->references[$id]);
        $this->references[$id] = true;

        return $new;
    }

    /** @param int|string $key */
    private static function key($key, int $named): string
    {
        return \is_string($key) && $named <= self::NAMED_KEYS ? "['{$key}']" : '[…]';
    }

    public static function where(\ReflectionFunctionAbstract $function): string
    {
        return $function->isInternal()
            ? "{$function->getName()}()"
            : "{$function->getFileName()}:{$function->getStartLine()}";
    }

    private static function memoryLeft(): int
    {
        $text = (string) \ini_get('memory_limit');
        $unit = ['k' => 1 << 10, 'm' => 1 << 20, 'g' => 1 << 30][\strtolower(\substr($text, -1))] ?? 1;
        $limit = (int) $text * $unit;

        return $limit < 0 ? \PHP_INT_MAX : \max(0, $limit - \memory_get_usage(true));
    }
}
