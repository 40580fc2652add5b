<?php

declare(strict_types=1);

/*
 * Builds an object graph, walks it as the probe does and prints one JSON line:
 * php census_graphs.php PROBE_FOLDER CASE [SEED]
 *
 * "touched" lists every piece of the app's code that ran during the walk: it has to stay empty.
 */

namespace Graphs;

foreach (['Worker', 'Sizes', 'Places', 'Classes', 'Objects', 'Sources', 'Census', 'Roots'] as $name) {
    require "{$argv[1]}/{$name}.php";
}

final class Touched
{
    /** @var list<string> */
    public static array $what = [];

    public static function by(string $what): void
    {
        self::$what[] = $what;
    }
}

final class Held
{
    /** @var mixed */
    public static $graph;

    public static int $uninitialised;
}

/** Its static needs a class that isn't loaded; nothing before the walk has asked for it. */
final class Unresolved
{
    public static $constant = \Graphs\NotThere::VALUE;
}

#[\AllowDynamicProperties]
class Node
{
    public $next;
    private $data;

    public function __construct($data = null)
    {
        $this->data = $data;
    }
}

class Magic implements \IteratorAggregate, \Countable, \ArrayAccess, \JsonSerializable
{
    public $unset = 1;
    private $secret = [1, 2, 3];
    public int $never;

    public function __get($name) { Touched::by("__get {$name}"); return 1; }
    public function __set($name, $value) { Touched::by("__set {$name}"); }
    public function __isset($name) { Touched::by("__isset {$name}"); return true; }
    public function __call($name, $arguments) { Touched::by("__call {$name}"); }
    public function __debugInfo() { Touched::by('__debugInfo'); return []; }
    public function __serialize(): array { Touched::by('__serialize'); return []; }
    public function __clone() { Touched::by('__clone'); }
    public function __toString(): string { Touched::by('__toString'); return ''; }
    public function getIterator(): \Iterator { Touched::by('getIterator'); return new \ArrayIterator([]); }
    public function count(): int { Touched::by('count'); return 0; }
    public function jsonSerialize(): array { Touched::by('jsonSerialize'); return []; }
    public function offsetExists($offset): bool { Touched::by('offsetExists'); return true; }
    #[\ReturnTypeWillChange]
    public function offsetGet($offset) { Touched::by('offsetGet'); return 1; }
    public function offsetSet($offset, $value): void { Touched::by('offsetSet'); }
    public function offsetUnset($offset): void { Touched::by('offsetUnset'); }
}

class Storage extends \SplObjectStorage
{
    public function current(): object { Touched::by('current'); return parent::current(); }
    public function getHash($object): string { Touched::by('getHash'); return \spl_object_hash($object); }
}

class Fixed extends \SplFixedArray
{
    public function toArray(): array { Touched::by('toArray'); return []; }
}

class Listing extends \ArrayObject
{
    public function getArrayCopy(): array { Touched::by('getArrayCopy'); return []; }
    public function getIterator(): \Iterator { Touched::by('getIterator'); return parent::getIterator(); }
}

function generated()
{
    $local = \str_repeat('g', 500);
    yield 1;
    yield $local;
}

function odd(): array
{
    $magic = new Magic();
    unset($magic->unset);
    $storage = new Storage();
    $storage[new \stdClass()] = 'x';
    $storage[new \stdClass()] = \str_repeat('y', 300);
    $storage->rewind();
    $storage->next();
    $queue = new \SplQueue();
    $queue[] = new Node(1);
    $queue->setIteratorMode(\SplDoublyLinkedList::IT_MODE_DELETE);
    $heap = new \SplMinHeap();
    $heap->insert(1);
    $running = generated();
    $running->current();
    $finished = generated();
    foreach ($finished as $_) {
    }
    $weak = new \WeakMap();
    $key = new \stdClass();
    $weak[$key] = \str_repeat('w', 1000);
    $ring = new Node();
    $ring->next = $ring;
    $self = [1];
    $self[] = &$self;
    $dynamic = new \stdClass();
    $dynamic->{'0'} = 1;
    $dynamic->{"a\0b"} = 2;
    $closed = \fopen('php://memory', 'r');
    \fclose($closed);
    $odd = [
        $magic, $storage, $queue, $heap, $running, $finished, $weak, $key, \WeakReference::create($key), $ring, $self, $dynamic,
        (object) [5, 6], new Fixed(10), new Listing(['a' => 1]), new \DateTimeImmutable(), new \DateInterval('P1D'),
        new \ReflectionClass(Node::class), \Closure::fromCallable('strlen'), \Closure::fromCallable([$magic, 'count']),
        "\xff\xfe", ["\xff\0" => "\xff"], $closed, \fopen('php://memory', 'r'), new \Exception('kept', 1, new \Error('inner')),
        new class () { public $anonymous = [1]; }, \NAN, \PHP_INT_MIN,
    ];
    if (\class_exists('Fiber', false)) {
        $suspended = new \Fiber(static function (): void { \Fiber::suspend(); });
        $suspended->start();
        $odd[] = [$suspended, new \Fiber(static function (): void {})];
    }
    if (\class_exists('DOMDocument', false)) {
        $document = new \DOMDocument();
        $document->loadXML('<a><b/></a>');
        $odd[] = [$document, $document->firstChild];
    }
    if (\PHP_VERSION_ID >= 80100) {
        eval('namespace Graphs; enum Suit: string { case A = "a"; const LATER = NotThere::X; } final class Fast { public function __construct(public readonly array $rows, public readonly int $unset = 1) {} }');
        $odd[] = [\constant('Graphs\Suit::A'), new Fast([1, 2])];
    }
    if (\PHP_VERSION_ID >= 80400) {
        $class = new \ReflectionClass(Node::class);
        $odd[] = $class->newLazyGhost(static function ($node): void { Touched::by('lazy ghost'); });
        $odd[] = $class->newLazyProxy(static function ($node) { Touched::by('lazy proxy'); return new Node(); });
        eval('namespace Graphs; class Hooked { public $virtual { get { Touched::by("hook"); return 1; } } public $backed = "x" { get { Touched::by("hook"); return $this->backed; } } }');
        $odd[] = new Hooked();
    }

    return $odd;
}

/** @return mixed a graph of this many values, of every kind of link */
function random_graph(int $values)
{
    $nodes = [new Node()];
    for ($i = 0; $i < $values; $i++) {
        $at = $nodes[\mt_rand(0, \count($nodes) - 1)];
        $kind = \mt_rand(0, 5);
        if ($kind === 0) {
            $nodes[] = $at->next = new Node(\str_repeat('n', \mt_rand(0, 100)));
        } elseif ($kind === 1) {
            $at->next = $nodes[\mt_rand(0, \count($nodes) - 1)];
        } elseif ($kind === 2) {
            $at->{'p' . \mt_rand(0, 9)} = \range(1, \mt_rand(1, 50));
        } elseif ($kind === 3) {
            $list = [\str_repeat('s', \mt_rand(0, 3000))];
            $list['self'] = &$list;
            $at->{'p' . \mt_rand(0, 9)} = &$list;
            unset($list);
        } elseif ($kind === 4) {
            $kept = \str_repeat('c', \mt_rand(0, 200));
            $at->{'p' . \mt_rand(0, 9)} = static function () use ($kept, $at) { return $kept; };
        } else {
            $at->{'p' . \mt_rand(0, 9)} = new \ArrayObject([$at, \mt_rand()]);
        }
    }

    return $nodes;
}

$cases = [
    'empty' => static fn () => null,
    'odd' => static fn () => odd(),
    'random' => static fn () => random_graph(20000),
    'list of depth 10,000' => static function () {
        for ($i = 0, $list = null; $i < 10000; $i++) {
            $node = new Node("value {$i}");
            $node->next = $list;
            $list = $node;
        }
        return $list;
    },
    'arrays of depth 10,000' => static function () {
        for ($i = 0, $array = ['bottom']; $i < 10000; $i++) {
            $array = [$array];
        }
        return $array;
    },
    'shared twice at each of 40 levels' => static function () {
        for ($i = 0, $array = [1]; $i < 40; $i++) {
            $array = [$array, $array];
        }
        return $array;
    },
    'ten million integers' => static fn () => \range(1, 10_000_000),
    'three million strings' => static function () {
        for ($i = 0, $strings = []; $i < 3_000_000; $i++) {
            $strings[] = "v{$i}";
        }
        return $strings;
    },
    'strings' => static fn () => \array_map(static fn (int $i): string => \str_repeat('s', $i % 300), \range(1, 20000)),
    'rows' => static fn () => \array_map(static fn (int $i): array => ['id' => $i, 'name' => \str_repeat('n', $i % 50 + 2)], \range(1, 30000)),
    'objects' => static fn () => \array_map(static fn (int $i): Node => new Node(\str_repeat('n', $i % 50 + 2)), \range(1, 50000)),
    'keys' => static function () {
        for ($i = 0, $map = []; $i < 300_000; $i++) {
            $map["key{$i}"] = $i;
        }
        return $map;
    },
    'closures' => static fn () => \array_map(static function (int $i) {
        $text = \str_repeat('c', 100);
        return static fn (): string => $text;
    }, \range(1, 10000)),
];

\mt_srand((int) ($argv[3] ?? 0));
\spl_autoload_register(static function (string $class): void { Touched::by("autoload {$class}"); });
$sum = static function (array $census): float { return \array_sum(\array_column($census['places'], 6)); };

$start = $sum((new \Hyperleak\Probe\Census(100))->take());
$heap = \memory_get_usage();
Held::$graph = $cases[$argv[2]]();
$real = \memory_get_usage() - $heap;
Touched::$what = [];

(new \Hyperleak\Probe\Census(100))->take();
\gc_collect_cycles();
$heap = \memory_get_usage();
$beganNs = \hrtime(true);
$census = (new \Hyperleak\Probe\Census(100))->take();
$seconds = (\hrtime(true) - $beganNs) / 1e9;
$estimated = $sum($census) - $start;
$written = \json_encode($census, \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR) !== false;
[$walked, $stopped, $places] = [$census['walked'], $census['stopped'], \count($census['places'])];
unset($census);
\gc_collect_cycles();
$retained = \memory_get_usage() - $heap;

$position = null;
if ($argv[2] === 'odd') {
    $position = [Held::$graph[1]->key(), \count(Held::$graph[2])];
}
echo \json_encode([
    'real' => $real, 'estimated' => $estimated, 'seconds' => $seconds, 'walked' => $walked, 'stopped' => $stopped,
    'places' => $places, 'retained' => $retained, 'touched' => Touched::$what, 'written' => $written,
    'position' => $position,
]), "\n";
