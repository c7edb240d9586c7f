"""verifiers loads the reward and metrics from a task's configuration and scores a trace with them."""

import asyncio

import pytest
import verifiers.v1 as vf

from fas_plugin.rewards import load_preset, score

RIGHT = "<think>Moire is visible, so this is a replay.</think><answer>spoof</answer>"
FUNCTIONS = "fas_plugin.rewards.frameworks.verifiers"


class Data(vf.TaskData):
    label: str


class Task(vf.Task[Data]):
    """A task of somebody's, which knows nothing of the rewards."""


def scored(label, **reply):
    """The trace of one rollout over a face image, scored by verifiers."""
    prompt = vf.UserMessage(
        content=[
            vf.ImageUrlContentPart(image_url=vf.ImageUrlSource(url="data:image/png;base64,AA==")),
            vf.TextContentPart(text="Is this face real or a spoof?"),
        ]
    )
    config = vf.TaskConfig(
        rewards={"fas": vf.RewardFunctionConfig(fn=f"{FUNCTIONS}:fas_reward")},
        metrics={"fas": vf.DecoratedFunctionConfig(fn=f"{FUNCTIONS}:fas_metrics")},
    )
    task = Task(Data(label=label, prompt=[prompt]), config)
    trace = vf.Trace(
        task=vf.TraceTask(type="Task", data=task.data),
        agent=vf.AgentInfo(config=vf.AgentConfig()),
        nodes=[
            vf.MessageNode(message=prompt),
            vf.MessageNode(message=vf.AssistantMessage(**reply), parent=0, sampled=True),
        ],
    )
    asyncio.run(task.score(trace))
    return trace


def test_verifiers_scores_a_trace():
    for label in ("spoof:replay.tablet", "real"):
        expected = score(RIGHT, label, load_preset("default"))
        trace = scored(label, content=RIGHT)
        assert trace.reward == pytest.approx(expected.total)
        assert trace.metrics == {
            "fas_format": expected.format,
            "fas_class_consistency": expected.class_consistency,
            "fas_reasoning_consistency": expected.reasoning_consistency,
        }


def test_reasoning_that_the_server_took_apart_counts():
    think, answer = RIGHT.removeprefix("<think>").split("</think>")
    assert scored("spoof", content=answer, reasoning_content=think).reward == pytest.approx(1.0)
    assert scored("spoof", content=answer).reward == pytest.approx(0.4)
    assert scored("spoof", content=None).reward == 0.0


def test_a_bad_label_reaches_the_caller():
    with pytest.raises(Exception, match="unknown label 'live'"):
        scored("live", content=RIGHT)
