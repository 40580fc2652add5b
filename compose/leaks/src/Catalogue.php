<?php

declare(strict_types=1);

namespace Leaks;

/** Everything there is to serve. Build it once per worker: its objects are what a container would call singletons. */
final class Catalogue
{
    /** @var array<string, LeakCase> */
    private array $leaks = [];

    /** @var array<string, Page> */
    private array $pages = [];

    public function __construct(Runtime $runtime)
    {
        $pair = new Cause\PairState();
        $leaks = [
            new Cause\StaticProperty(),
            new Cause\GlobalVariable(),
            new Cause\ListenerClosure(),
            new Cause\OpenFile(),
            new Cause\OpenSocket(),
            new Cause\NativeMemory(),
            new Cause\SingletonProperty(),
            new Cause\SuspendedCoroutine($runtime),
            new Cause\UnclearedTimer($runtime),
            new Cause\TinyStatic(),
            new Cause\GrowingKey(),
            new Cause\ErrorPath(),
            new Cause\PairFirst($pair),
            new Cause\PairSecond($pair),
            new Cause\Elsewhere($runtime),
            new Cause\NestedHolder(),
            new Cause\OftenAsked(),
            new Cause\Contended($runtime),
        ];
        foreach ($leaks as $case) {
            $this->leaks[$case->about()->name] = $case;
        }
        $pages = [
            new Decoy\WarmUp(),
            new Decoy\BoundedCache(),
            new Decoy\BigResponse(),
            new Decoy\CyclicGarbage(),
            new Decoy\HighWaterMark(),
            new Decoy\InFlight($runtime),
            new Decoy\LogFile(),
            new Decoy\SelfTimer($runtime),
            new Decoy\Slow($runtime),
            new Plain\SmallWork(),
            new Plain\Health(),
            new Plain\Echoing(),
            new Plain\Login(),
            new Plain\PrivateArea(),
            new Plain\Crash(),
        ];
        foreach ($pages as $page) {
            $this->pages[$page->about()->name] = $page;
        }
    }

    /** @return array<string, LeakCase> by name */
    public function leaks(): array
    {
        return $this->leaks;
    }

    /** @return array<string, Page> by name */
    public function pages(): array
    {
        return $this->pages;
    }
}
