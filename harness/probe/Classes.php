<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/** How an object of a class is walked, decided once a class. None of the ways runs code of the app. */
final class Classes
{
    /** Casting these to an array would build what they represent, or fail. */
    private const OPAQUE = [
        'SimpleXMLElement', 'DOMNode', 'DOMNodeList', 'DOMNamedNodeMap', 'DateTimeInterface', 'DateTimeZone',
        'DateInterval', 'DatePeriod', 'FFI', 'FFI\\CData', 'FFI\\CType', 'GMP', 'tidy', 'tidyNode', 'SNMP', 'PDORow',
        'IntlCalendar',
        'SplHeap', 'SplPriorityQueue', 'WeakReference', 'UnitEnum', 'Reflector', 'Dom\\Node', 'Dom\\NodeList',
        'BcMath\\Number', 'Random\\Engine',
    ];

    private const WALKED_APART = [
        'Closure' => 'closure', 'Generator' => 'generator', 'Fiber' => 'fiber', 'WeakMap' => 'weak map',
        'SplObjectStorage' => 'storage', 'SplFixedArray' => 'fixed array', 'SplDoublyLinkedList' => 'linked list',
    ];

    /** @var array<string, string> class => way */
    private array $ways = [];

    /** @var array<string, int> class => properties that have a slot in the object */
    private array $slots = [];

    /** @var array<string, \ReflectionClass<object>> classes of the app whose objects may be lazy */
    private array $lazy = [];

    public function way(object $object): string
    {
        $class = \get_class($object);
        if (!isset($this->ways[$class])) {
            $this->learn($object, $class);
        }
        if (isset($this->lazy[$class]) && $this->lazy[$class]->isUninitializedLazyObject($object)) {
            return 'opaque';
        }

        return $this->ways[$class];
    }

    public function slots(string $class): int
    {
        return $this->slots[$class];
    }

    private function learn(object $object, string $class): void
    {
        $reflection = new \ReflectionClass($class);
        $this->ways[$class] = $this->wayOf($object, $class);
        $this->slots[$class] = $this->countSlots($reflection);
        if (\PHP_VERSION_ID >= 80400 && $reflection->isUserDefined()) {
            $this->lazy[$class] = $reflection;
        }
    }

    private function wayOf(object $object, string $class): string
    {
        if (\strncmp($class, 'Hyperleak\\Probe\\', 16) === 0) {
            return 'ours';
        }
        foreach (self::WALKED_APART as $known => $way) {
            if ($object instanceof $known) {
                return $way;
            }
        }
        foreach (self::OPAQUE as $known) {
            if ($object instanceof $known) {
                return 'opaque';
            }
        }

        return 'properties';
    }

    /** @param \ReflectionClass<object> $class */
    private function countSlots(\ReflectionClass $class): int
    {
        $slots = \method_exists($class->name, '__get') || \method_exists($class->name, '__set') ? 1 : 0;
        $names = [];
        for ($c = $class; $c !== false; $c = $c->getParentClass()) {
            foreach ($c->getProperties() as $property) {
                if ($property->class === $c->name && !$property->isStatic() && $this->hasSlot($property)) {
                    $names[$property->isPrivate() ? "{$c->name}::{$property->name}" : $property->name] = true;
                }
            }
        }

        return $slots + \count($names);
    }

    private function hasSlot(\ReflectionProperty $property): bool
    {
        return \PHP_VERSION_ID < 80400 || !$property->isVirtual();
    }
}
