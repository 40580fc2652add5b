<?php

declare(strict_types=1);

namespace App\Listener;

use App\Process\Collected;
use Hyperf\Event\Annotation\Listener;
use Hyperf\Event\Contract\ListenerInterface;
use Hyperf\Process\Event\PipeMessage;

/** Runs in the collector process. */
#[Listener]
final class CollectListener implements ListenerInterface
{
    /** @var list<string> */
    private array $kept = [];

    public function listen(): array
    {
        return [
            PipeMessage::class,
        ];
    }

    public function process(object $event): void
    {
        if ($event instanceof PipeMessage && $event->data instanceof Collected && $event->data->keep) {
            $this->kept[] = $event->data->payload;
        }
    }
}
