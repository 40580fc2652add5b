<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/** What objects hold, read by the means of their kind: none runs code of the app or moves its iterators. */
final class Objects
{
    public function __construct(
        private Census $census,
        private Places $places,
        private Sizes $sizes,
        private Classes $classes,
    ) {
    }

    public function walk(object $object, int $place, float $weight): void
    {
        switch ($this->classes->way($object)) {
            case 'closure':
                $this->walkClosure($object, $place, $weight);
                break;
            case 'fiber':
            case 'generator':
                Roots::reachSuspended($this->census, $object, $place, $weight);
                break;
            case 'weak map':
                $this->walkWeakMap($object, $place, $weight);
                break;
            case 'storage':
                $copy = new \SplObjectStorage();
                $copy->addAll($object);
                $this->walkStorage($copy, $place, $weight);
                $this->walkProperties($object, $place, $weight);
                break;
            case 'fixed array':
                $elements = (new \ReflectionMethod(\SplFixedArray::class, 'toArray'))->invoke($object);
                $this->census->walkArray($elements, $place, $weight);
                break;
            case 'linked list':
                $state = (new \ReflectionMethod(\SplDoublyLinkedList::class, '__serialize'))->invoke($object);
                $this->census->walkArray($state[1], $place, $weight);
                break;
            default:
                $this->walkProperties($object, $place, $weight);
        }
    }

    private function walkClosure(\Closure $closure, int $place, float $weight): void
    {
        $function = new \ReflectionFunction($closure);
        $captured = $function->getStaticVariables();
        $this->places->bytes[$place] += $weight * $this->sizes->table(\count($captured), false);
        foreach ($captured as $name => $value) {
            $this->census->reachNamed($value, $place, 'captured', $name, $weight);
        }
        $this->census->reach($function->getClosureThis(), $place, 'this', '$this', $weight);
    }

    /** @param \WeakMap<object, mixed> $map */
    private function walkWeakMap(\WeakMap $map, int $place, float $weight): void
    {
        $this->places->elements[$place] += $weight * \count($map);
        $this->places->bytes[$place] += $weight * $this->sizes->table(\count($map), false);
        foreach ($map as $value) {
            $this->census->reachNamed($value, $place, 'element', '[…]', $weight);
        }
    }

    /** @param \SplObjectStorage<object, mixed> $storage ours: the position in the app's stays where it is */
    private function walkStorage(\SplObjectStorage $storage, int $place, float $weight): void
    {
        $count = \count($storage);
        $this->places->elements[$place] += $weight * $count;
        $bytes = $this->sizes->table($count, false) + $count * $this->sizes->block(40);
        $this->places->bytes[$place] += $weight * $bytes;
        foreach ($storage as $object) {
            $this->census->reach($object, $place, 'element', '[…]', $weight);
            $this->census->reachNamed($storage->getInfo(), $place, 'element', '[…]', $weight);
        }
    }

    /** By a cast, which reads what is there: no accessor, no initialiser, no hook is called. */
    private function walkProperties(object $object, int $place, float $weight): void
    {
        $properties = (array) $object;
        $count = \count($properties);
        if ($object instanceof \ArrayObject || $object instanceof \ArrayIterator) {
            $this->census->walkArray($properties, $place, $weight);

            return;
        }
        if ($count > $this->classes->slots(\get_class($object))) {
            $this->places->elements[$place] += $weight * ($count - $this->classes->slots(\get_class($object)));
            $this->places->bytes[$place] += $weight * $this->sizes->table($count, false);
        }
        foreach ($properties as $name => $value) {
            if (!\is_array($value) || ($value !== [] && $this->census->isNew($properties, $name))) {
                $this->census->reachNamed($value, $place, 'property', (string) $name, $weight);
            }
        }
        $this->census->walked += $count;
    }
}
