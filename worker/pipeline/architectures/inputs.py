"""Names and widths of what a network reads. Knows no torch: fuse makes these arrays as well."""

from worker.pipeline.manifest import CLASSES

STATES = len(CLASSES)
WIDTHS = {"vision": 576, "audio": 768, "pose": 32}  # MobileNetV3-small, Whisper-tiny, keypoints
TAPS = {"tap_4": 16, "tap_8": 24, "tap_16": 48, "tap_32": 576}  # maps of MobileNetV3-small at 1/4,
# 1/8, 1/16 and 1/32 of the picture, name -> channels
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of RGB 0..1
SEED_WIDTHS = WIDTHS | {"audio": 384}  # the mean alone, without the deviation behind it
MODALITIES = tuple(WIDTHS)
SPECIES = ("dog", "cat")  # columns of `species`, one of them 1
QUALITY = MODALITIES  # columns of `quality`, 0..1: how far each can be trusted
PRESENT = "_present"  # suffix of the input (n, 1) that is 0 where a modality is missing
SEQUENCE_FRAMES = 16  # of a face sequence (S1)
PICTURE_PX = 224
EMBEDDING, LOGITS, FRAME_LOGITS = "embedding", "logits", "frame_logits"
