<?php

declare(strict_types=1);

namespace App\Annotation;

use Attribute;
use Hyperf\Di\Annotation\AbstractAnnotation;

/** Describes a controller's leak: its prefix is the leaky route, its prefix with `/clean` the twin. */
#[Attribute(Attribute::TARGET_CLASS)]
final class Leak extends AbstractAnnotation
{
    public function __construct(public string $cause, public string $summary, public int $bytes = 0)
    {
    }
}
