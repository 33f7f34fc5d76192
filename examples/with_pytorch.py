"""PyTorch: thresholds for the logits of any module, fitted on validation documents, kept in a file.

python examples/with_pytorch.py
"""

import json
import tempfile
from pathlib import Path

import torch
from torch import nn

from labelpolicy import ThresholdPolicy, evaluate

torch.manual_seed(0)
X = torch.randn(3000, 20)
y = (X[:, :6] + torch.randn(3000, 6) > torch.linspace(1, 2.5, 6)).float()  # from frequent to rare
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(40):
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(model(X[:1000]), y[:1000]).backward()
    optimizer.step()

with torch.no_grad():
    valid, new = model(X[1000:2000]), model(X[2000:])
labels = [f"label {j}" for j in range(6)]
policy = ThresholdPolicy(score_type="decision_function", labels=labels)  # logits, as they are
policy.fit(valid, y[1000:2000], train_count=y[:1000].sum(dim=0))

path = Path(tempfile.mkdtemp()) / "thresholds.json"
path.write_text(json.dumps(policy.to_json()))
again = ThresholdPolicy.of_json(json.loads(path.read_text()), labels)
y_true = y[2000:].numpy() == 1
print("0.5:", evaluate(y_true, (new > 0).numpy())["macro_f1"])
print(f"{policy.report_['auto']['rule']}:", evaluate(y_true, again.predict(new))["macro_f1"])
